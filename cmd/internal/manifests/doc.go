// Package manifests reads what is deployed as the cluster will get it, and
// knows for every value which line of which file it came from.
//
// [Render] builds a kustomization with the code that is inside kubectl and
// remembers the files it read; [Parse] reads what somebody has rendered
// already. Either gives a [Set] of objects. [Object.Line] finds the line that
// gave a value: in the patch that set it, else where the object is described.
package manifests
