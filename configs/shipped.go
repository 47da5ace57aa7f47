package configs

import "embed"

// Shipped holds the files of this folder as they are installed: crmsyncd.yaml,
// hub.yaml, routes/ and the schemas.
//
//go:embed crmsyncd.yaml hub.yaml routes/*.yaml schema/*.json
var Shipped embed.FS
