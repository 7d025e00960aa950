package main

import (
	"path/filepath"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

const (
	// sniffBytes is how much of a file's beginning tells its type: the library's own default.
	sniffBytes = 3072

	unknownMediaType = "application/octet-stream"
)

// namedMediaTypes refines, by a file's extension, what its content says only roughly: that it is text, a container, or nothing known. What the content says is never
// contradicted. The system's own table is not asked: what is signed must not depend on the machine.
func namedMediaTypes(found string) map[string]string {
	switch found {
	case "text/plain", "text/xml", "application/json":
		return map[string]string{
			".css": "text/css", ".csv": "text/csv", ".html": "text/html", ".htm": "text/html", ".ics": "text/calendar", ".js": "text/javascript", ".mjs": "text/javascript",
			".json": "application/json", ".jsonl": "application/jsonl", ".md": "text/markdown", ".ndjson": "application/x-ndjson", ".srt": "application/x-subrip",
			".svg": "image/svg+xml", ".toml": "application/toml", ".tsv": "text/tab-separated-values", ".vtt": "text/vtt", ".xml": "application/xml",
			".yaml": "application/yaml", ".yml": "application/yaml",
		}
	case "application/zip":
		return map[string]string{
			".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".epub": "application/epub+zip", ".jar": "application/java-archive",
			".odp": "application/vnd.oasis.opendocument.presentation", ".ods": "application/vnd.oasis.opendocument.spreadsheet", ".odt": "application/vnd.oasis.opendocument.text",
			".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		}
	case "video/mp4":
		return map[string]string{".m4a": "audio/mp4"}
	case unknownMediaType:
		return map[string]string{".aac": "audio/aac", ".mp3": "audio/mpeg", ".parquet": "application/vnd.apache.parquet", ".ts": "video/mp2t"}
	}
	return nil
}

// mediaType tells the type of a file, without parameters, by its first bytes, and by its name where these say it only roughly.
func mediaType(name string, head []byte) string {
	found, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	if named, ok := namedMediaTypes(found)[strings.ToLower(filepath.Ext(name))]; ok {
		return named
	}
	return found
}
