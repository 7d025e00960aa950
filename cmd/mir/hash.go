package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newHashCommand(streams) *cobra.Command {
	return &cobra.Command{
		Use:   "hash [FILE|-]...",
		Short: "Print the SHA-256 of files",
		Long:  "Prints the SHA-256 of each file (or of standard input), in the form of shasum -a 256 and sha256sum. Files of any size are read as a stream.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{stdinName}
			}
			failed := false
			for _, name := range args {
				sum, err := hashFile(cmd, name)
				if err != nil {
					printError(cmd.ErrOrStderr(), err, wantsJSON(cmd))
					failed = true
					continue
				}
				if err := printHash(cmd, sum, name); err != nil {
					return err
				}
			}
			if failed {
				return &exit{code: exitMisuse}
			}
			return nil
		},
	}
}

func hashFile(cmd *cobra.Command, name string) (string, error) {
	a, err := readArtifact(cmd, name)
	if err != nil {
		return "", err
	}
	return a.hash, nil
}

// printHash writes a line as sha256sum does, a name with a line break or a backslash in it escaped and marked.
func printHash(cmd *cobra.Command, sum, name string) error {
	if wantsJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), struct {
			SHA256 string `json:"sha256"`
			File   string `json:"file"`
		}{sum, strings.ToValidUTF8(name, "\uFFFD")})
	}
	mark := ""
	if strings.ContainsAny(name, "\\\n\r") {
		mark = `\`
		name = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s%s  %s\n", mark, sum, name)
	return err
}
