package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mirnode/internal/nearest"
)

// groupAnnotation marks the commands that only hold others.
const groupAnnotation = "group"

// commandGroup is a command that only holds others, such as `mir claim`; without one of them it is misuse.
func commandGroup(use, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use:         use,
		Short:       short,
		Annotations: map[string]string{groupAnnotation: "yes"},
		Args:        cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withHint(fmt.Sprintf("say what to do: `%s` needs a command", cmd.CommandPath()), "It has "+strings.Join(commandNames(cmd), ", ")+".")
		},
	}
	group.AddCommand(commands...)
	return group
}

func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return names
}

// unknownCommand is the error for a name that is no command of cmd.
func unknownCommand(cmd *cobra.Command, name string) error {
	names := commandNames(cmd)
	hint := fmt.Sprintf("`%s` has %s.", cmd.CommandPath(), strings.Join(names, ", "))
	if near := nearest.Name(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return withHint(fmt.Sprintf("unknown command %q of `%s`", name, cmd.CommandPath()), hint)
}

// inOurWords makes all that is found wrong with a command line before the command runs an error with a hint.
func inOurWords(root *cobra.Command) {
	root.SetFlagErrorFunc(flagFault)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return missingFlags(cmd) }
	// The usage of a group is that of its commands.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", `{{if and .Runnable (not (index .Annotations "`+groupAnnotation+`"))}}`, 1))
	wrapArguments(root)
}

// wrapArguments gives the checks of arguments of a command and those below it our errors.
func wrapArguments(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error { return argumentFault(cmd, check, args) }
	}
	for _, c := range cmd.Commands() {
		wrapArguments(c)
	}
}

// argumentFault tells which argument is one too many, or that there are too few. A check that has words of its own keeps them.
func argumentFault(cmd *cobra.Command, check cobra.PositionalArgs, args []string) error {
	err := check(cmd, args)
	if _, ours := errors.AsType[*fault](err); err == nil || ours {
		return err
	}
	usage := "usage: " + cmd.UseLine()
	for n := len(args) - 1; n >= 0; n-- {
		if check(cmd, args[:n]) != nil {
			continue
		}
		if cmd.HasAvailableSubCommands() {
			return unknownCommand(cmd, args[n])
		}
		return withHint(fmt.Sprintf("unexpected argument %q", args[n]), usage)
	}
	return withHint(fmt.Sprintf("`%s` needs more arguments", cmd.CommandPath()), usage)
}

// missingFlags tells the flags that must be given and are not.
func missingFlags(cmd *cobra.Command) error {
	var missing []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[cobra.BashCompOneRequiredFlag]) > 0 && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})
	if len(missing) == 0 {
		return nil
	}
	return withHint("give "+strings.Join(missing, " and "), "usage: "+cmd.UseLine())
}

// flagFault says in words what is wrong with a flag.
func flagFault(cmd *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(cmd, unknown)
	}
	if bare, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return withHint(fmt.Sprintf("--%s needs a value", bare.GetFlag().Name), bare.GetFlag().Usage)
	}
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		kind, known := flagKinds[wrong.GetFlag().Value.Type()]
		if !known {
			return withHint(fmt.Sprintf("--%s %q: %v", wrong.GetFlag().Name, wrong.GetValue(), errors.Unwrap(wrong)), wrong.GetFlag().Usage)
		}
		return withHint(fmt.Sprintf("--%s %q is no %s", wrong.GetFlag().Name, wrong.GetValue(), kind.what), "Give "+kind.example+".")
	}
	if malformed, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return withHint(fmt.Sprintf("%q is no flag", malformed.GetSpecifiedFlag()), "Write --name value, or --name=value.")
	}
	return err
}

// flagKinds says what flags of a type take.
var flagKinds = map[string]struct{ what, example string }{
	"int":      {"whole number", "a number such as 50"},
	"uint":     {"whole number", "a number such as 50"},
	"duration": {"length of time", "a number with its unit, such as 24h, 30m or 10s"},
	"bool":     {"yes or no", "true or false"},
}

// unknownFlag says which flag was meant.
func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	name, written := unknown.GetSpecifiedName(), "--"+unknown.GetSpecifiedName()
	if short := unknown.GetSpecifiedShortnames(); short != "" {
		name, written = short, "-"+short
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	hint := fmt.Sprintf("`%s --help` lists the flags.", cmd.CommandPath())
	if near := nearest.Name(name, known); near != "" {
		hint = fmt.Sprintf("did you mean --%s?", near)
	}
	return withHint("unknown flag "+written, hint)
}
