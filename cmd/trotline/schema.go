package main

import (
	"fmt"

	"github.com/trotline/trotline/engine/config"
)

// schemaCommand writes the JSON Schema of the file, by which an editor
// completes and checks it while it is written.
type schemaCommand struct{}

// Run prints it.
func (schemaCommand) Run(t *terminal) error {
	schema, err := config.Schema(kinds())
	if err != nil {
		return fmt.Errorf("make the schema: %w", err)
	}
	_, err = fmt.Fprintf(t.out, "%s\n", schema)
	return err
}
