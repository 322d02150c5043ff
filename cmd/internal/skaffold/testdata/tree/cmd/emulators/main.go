package main

import _ "embed"

//go:embed pages/a.txt
var page string

func main() { println(page) }
