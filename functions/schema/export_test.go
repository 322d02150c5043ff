package schema

// What the tests of the migrations need and nobody else.
var (
	Migrations  = migrations
	MigrateFrom = migrateFrom
	HashOf      = hashOf

	ScramVerifier = scramVerifier
	ScramWith     = scramWith
)

// VersionTable is where tern keeps the version.
const VersionTable = versionTable
