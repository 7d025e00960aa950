package main

import (
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// root is the top of the source.
var root = filepath.Join("..", "..")

// loadCompose reads docker-compose.yml as Docker does: by its schema, with anchors and merges resolved.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	files, err := loader.LoadConfigFiles(t.Context(), []string{filepath.Join(root, "docker-compose.yml")}, root)
	if err != nil {
		t.Fatal(err)
	}
	files.Environment = types.Mapping{}
	project, err := loader.LoadWithContext(t.Context(), *files, func(o *loader.Options) { o.SetProjectName("mirnode", true) })
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeIsSafe(t *testing.T) {
	project := loadCompose(t)
	if got := strings.Join(project.ServiceNames(), " "); got != "names node1 node2 node3" {
		t.Fatalf("services %s", got)
	}
	for name, s := range project.Services {
		for fault, bad := range map[string]bool{
			"can write to its root":                !s.ReadOnly,
			"is privileged":                        s.Privileged,
			"keeps capabilities":                   !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0,
			"can gain privileges":                  !slices.Contains(s.SecurityOpt, "no-new-privileges:true"),
			"runs as root, or as nobody certain":   !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(s.User),
			"shares something with the host":       s.NetworkMode != "" || s.Pid != "" || s.Ipc != "" || s.UserNSMode != "" || len(s.Devices) > 0,
			"has no bound on processes or memory":  s.PidsLimit == 0 || s.MemLimit == 0,
			"has no temporary folder":              len(s.Tmpfs) == 0 || !strings.Contains(s.Tmpfs[0], "noexec"),
			"has no check of its health":           s.HealthCheck == nil || len(s.HealthCheck.Test) < 3 || s.HealthCheck.Test[0] != "CMD" || s.HealthCheck.Test[1] != "/mir",
			"is built elsewhere":                   s.Build == nil || s.Build.Context == "",
			"gets less time to stop than it takes": s.StopGracePeriod == nil || s.StopGracePeriod.String() < "30s",
		} {
			if bad {
				t.Errorf("%s %s", name, fault)
			}
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s: port %s is open to other machines", name, port.Published)
			}
		}
		for _, v := range s.Volumes {
			if _, ours := project.Volumes[v.Source]; v.Type != types.VolumeTypeVolume || !ours {
				t.Errorf("%s: %s is no volume of the project's", name, v.Source)
			}
			if name != "names" && v.Target == "/identity" && !v.ReadOnly {
				t.Errorf("%s can change its own identity", name)
			}
		}
		if name != "names" && (len(s.Volumes) != 2 || s.DependsOn["names"].Condition != types.ServiceConditionHealthy) {
			t.Errorf("%s: volumes %v, after %v", name, s.Volumes, s.DependsOn)
		}
	}
}

// dockerfile gives the instructions of the Dockerfile, without comments.
func dockerfile(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestDockerfile(t *testing.T) {
	lines := dockerfile(t)
	last := 0
	for i, line := range lines {
		if strings.HasPrefix(line, "FROM ") {
			last = i
		}
	}
	final := strings.Join(lines[last:], "\n")
	if lines[last] != "FROM scratch" {
		t.Errorf("the image is made from %s", lines[last])
	}
	for _, want := range []string{"USER 65532:65532", `ENTRYPOINT ["/mir"]`, `CMD ["node"]`, "COPY --from=build /image/mir /mir"} {
		if !strings.Contains(final, "\n"+want) {
			t.Errorf("no %s in\n%s", want, final)
		}
	}
	if strings.Contains(final, "RUN ") || regexp.MustCompile(`(?m)^ADD |^COPY [^-]|--privileged|--mount=type=secret`).MatchString(final) {
		t.Errorf("the last stage does more than copy:\n%s", final)
	}
	// Every folder that a volume is mounted on is there, so that the volume gets the right owner.
	folders := strings.Join(lines[:last], "\n")
	for name, s := range loadCompose(t).Services {
		for _, v := range s.Volumes {
			if !regexp.MustCompile(`/folders`+v.Target+`(\s|$)`).MatchString(folders) && !strings.Contains(folders, "/folders"+v.Target+"/") {
				t.Errorf("%s mounts %s, which the image lacks", name, v.Target)
			}
		}
	}
}

// TestImage builds the program as the Dockerfile does, and runs it as docker-compose.yml does.
func TestImage(t *testing.T) {
	program := buildImage(t)
	t.Run("is static", func(t *testing.T) { // an image from scratch has nothing that could load it otherwise
		file, err := elf.Open(program)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for _, p := range file.Progs {
			if p.Type == elf.PT_INTERP {
				t.Error("the program needs a loader")
			}
		}
	})
	t.Run("federates", func(t *testing.T) { composeRuns(t, program) })
}

// buildImage runs the Dockerfile's build command on what .dockerignore leaves of the source.
func buildImage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := copyContext(filepath.Join(dir, "src")); err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, line := range dockerfile(t) {
		if command, found := strings.CutPrefix(line, "RUN "); found && strings.Contains(command, "go build") {
			commands = append(commands, command)
		}
	}
	if len(commands) != 1 || !strings.HasPrefix(commands[0], "CGO_ENABLED=0 ") {
		t.Fatalf("the program is built by %q", commands)
	}
	build := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(commands[0], "/image/", dir+"/"))
	build.Dir = filepath.Join(dir, "src")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "mir")
}

// copyContext copies what `docker build` would send.
func copyContext(to string) error {
	data, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		return err
	}
	var ignored []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			ignored = append(ignored, line)
		}
	}
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, pattern := range ignored {
			subject := name
			if rest, deep := strings.CutPrefix(pattern, "**/"); deep {
				subject, pattern = entry.Name(), rest
			}
			if match, err := filepath.Match(pattern, subject); err != nil {
				return err
			} else if match && entry.IsDir() {
				return filepath.SkipDir
			} else if match {
				return nil
			}
		}
		target := filepath.Join(to, name)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
}
