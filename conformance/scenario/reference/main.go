// Command reference writes docs/conformance-scenarios.md, the reference of what a scenario's steps may say, out of the comments of package
// scenario's source:
//
//	go run ./conformance/scenario/reference
//
// Each verb's members are the fields of the struct that its function takes, so that the page cannot forget one; a test holds the page to the source.
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

func main() {
	root := flag.String("root", ".", "the project's folder")
	flag.Parse()
	page, err := Page(filepath.Join(*root, "conformance", "scenario"))
	if err == nil {
		err = os.WriteFile(filepath.Join(*root, "docs", "conformance-scenarios.md"), page, 0o644) //nolint:gosec // a page for everybody
	}
	if err != nil {
		log.Fatal(err)
	}
}

const head = `# What a scenario's steps may say

A reference for who writes cases for the conformance suite; [conformance.md](conformance.md) is where to begin. This page is made from the comments in
[conformance/scenario](../conformance/scenario) by ` + "`go run ./conformance/scenario/reference`" + `.

`

// Page writes the page out of the source in a folder.
func Page(dir string) ([]byte, error) {
	s, err := read(dir)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	out.WriteString(head)
	out.WriteString("## Steps\n\n" + prose(strings.TrimPrefix(s.overview, "Package scenario plays the steps of scenario cases against nodes.\n\n")))
	out.WriteString("## Matchers\n\n" + prose(s.comments["matcher"]))
	out.WriteString("## Verbs\n\n")
	for _, v := range s.verbs {
		if err := s.verb(&out, v); err != nil {
			return nil, err
		}
	}
	return []byte(strings.TrimRight(out.String(), "\n") + "\n"), nil
}

// source is what the page is made from.
type source struct {
	overview string
	comments map[string]string          // by the name of a type or a function
	structs  map[string]*ast.StructType // by name
	takes    map[string]string          // the struct that a function's last parameter points to
	verbs    []verb                     // in the table's order
}

type verb struct{ name, function string }

func read(dir string) (*source, error) {
	s := &source{comments: map[string]string{}, structs: map[string]*ast.StructType{}, takes: map[string]string{}}
	names, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, filepath.Join(dir, name), nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if file.Doc != nil && strings.HasPrefix(file.Doc.Text(), "Package ") {
			s.overview = file.Doc.Text()
		}
		for _, decl := range file.Decls {
			s.declaration(decl)
		}
	}
	if s.overview == "" || len(s.verbs) == 0 {
		return nil, fmt.Errorf("%s holds no package comment, or no table of verbs", dir)
	}
	slices.SortFunc(s.verbs, func(a, b verb) int { return strings.Compare(a.name, b.name) })
	return s, nil
}

func (s *source) declaration(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok {
				continue
			}
			s.comments[t.Name.Name] = d.Doc.Text()
			if structure, ok := t.Type.(*ast.StructType); ok {
				s.structs[t.Name.Name] = structure
			}
		}
	case *ast.FuncDecl:
		if d.Recv != nil {
			return
		}
		s.comments[d.Name.Name] = d.Doc.Text()
		if d.Name.Name == "verbs" {
			ast.Inspect(d.Body, s.row)
			return
		}
		if list := d.Type.Params.List; len(list) > 0 {
			if pointer, ok := list[len(list)-1].Type.(*ast.StarExpr); ok {
				if name, ok := pointer.X.(*ast.Ident); ok {
					s.takes[d.Name.Name] = name.Name
				}
			}
		}
	}
}

// row reads a line of the table of verbs: "name": does(function).
func (s *source) row(n ast.Node) bool {
	pair, ok := n.(*ast.KeyValueExpr)
	if !ok {
		return true
	}
	key, isText := pair.Key.(*ast.BasicLit)
	call, isCall := pair.Value.(*ast.CallExpr)
	if !isText || !isCall || len(call.Args) != 1 {
		return true
	}
	if function, ok := call.Args[0].(*ast.Ident); ok {
		if name, err := strconv.Unquote(key.Value); err == nil {
			s.verbs = append(s.verbs, verb{name, function.Name})
		}
	}
	return false
}

// verb writes the section of one verb.
func (s *source) verb(out *strings.Builder, v verb) error {
	fmt.Fprintf(out, "### %s\n\n", v.name)
	words := s.comments[v.function]
	words = strings.TrimPrefix(words, v.function+" ")
	if words == "" {
		return fmt.Errorf("%s, which the verb %s calls, has no comment", v.function, v.name)
	}
	out.WriteString(prose(strings.ToUpper(words[:1]) + words[1:]))
	if name := s.takes[v.function]; s.structs[name] != nil {
		s.members(out, name, nil)
	}
	return nil
}

// members writes the table of a struct's members, and then those of structs within it.
func (s *source) members(out *strings.Builder, name string, above []string) {
	structure := s.structs[name]
	if structure == nil || slices.Contains(above, name) || len(structure.Fields.List) == 0 {
		return
	}
	if len(above) > 0 {
		fmt.Fprintf(out, "Members of `%s`:\n\n", name)
	}
	out.WriteString("| member | type | meaning |\n|---|---|---|\n")
	inner := s.rows(out, structure)
	out.WriteString("\n")
	for _, within := range inner {
		s.members(out, within, append(above, name))
	}
}

// rows writes a row for each member, those of embedded structs included, and gives the structs that stand within them.
func (s *source) rows(out *strings.Builder, structure *ast.StructType) (inner []string) {
	for _, field := range structure.Fields.List {
		kind, within := kindOf(field.Type)
		if len(field.Names) == 0 && s.structs[within] != nil {
			inner = append(inner, s.rows(out, s.structs[within])...)
			continue
		}
		if field.Tag == nil {
			continue
		}
		tag, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			continue
		}
		member, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		if member == "" {
			continue
		}
		if s.structs[within] != nil && !slices.Contains(inner, within) {
			inner = append(inner, within)
		}
		words := strings.Join(strings.Fields(field.Doc.Text()+" "+field.Comment.Text()), " ")
		if name := field.Names[0].Name + " is "; strings.HasPrefix(words, name) {
			words = strings.TrimPrefix(words, name)
		}
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", member, kind, strings.ReplaceAll(words, "|", `\|`))
	}
	return inner
}

// kindOf says in JSON's words what a field takes, and which struct of the package is within.
func kindOf(e ast.Expr) (words, within string) {
	switch t := e.(type) {
	case *ast.StarExpr:
		return kindOf(t.X)
	case *ast.ArrayType:
		of, within := kindOf(t.Elt)
		return "list of " + of, within
	case *ast.MapType:
		of, within := kindOf(t.Value)
		return "object of " + of, within
	case *ast.SelectorExpr:
		return "any", ""
	case *ast.Ident:
		switch t.Name {
		case "string", "text":
			return "text", ""
		case "bool":
			return "true or false", ""
		case "int", "int64", "uint64", "float64", "uint32", "uint16":
			return "number", ""
		case "any":
			return "any", ""
		}
		return "`" + t.Name + "`", t.Name
	}
	return "any", ""
}

// prose writes a comment as Markdown: its indented blocks as such, all else as it is.
func prose(comment string) string {
	var out strings.Builder
	code := false
	for line := range strings.SplitSeq(strings.TrimSpace(comment), "\n") {
		indented := strings.HasPrefix(line, "\t")
		if indented != code && (line != "" || !code) {
			fence := "```"
			if indented {
				fence += "text"
			}
			out.WriteString(fence + "\n")
			if code {
				out.WriteString("\n")
			}
			code = indented
		}
		out.WriteString(strings.TrimPrefix(line, "\t") + "\n")
	}
	if code {
		out.WriteString("```\n")
	}
	return strings.ReplaceAll(out.String(), "\n\n```\n\n", "\n```\n\n") + "\n"
}
