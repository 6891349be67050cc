package definition

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const fileLimit = 1 << 20

// Load reads a file, or every .yaml and .yml file below a directory except in
// hidden ones, in the order of their paths. A file may hold several documents.
// What is wrong is an [*Error]; a file that cannot be read is another error.
func Load(path string) ([]Job, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, plain(err))
	}
	files := []string{path}
	if info.IsDir() {
		if files, err = below(path); err != nil {
			return nil, err
		}
		if len(files) == 0 {
			return nil, fmt.Errorf("no .yaml or .yml file below %s", path)
		}
	}
	var jobs []Job
	all := &Error{}
	for _, file := range files {
		text, err := readLimited(file)
		if err != nil {
			return nil, err
		}
		some, err := Parse(file, text)
		if found, ok := errors.AsType[*Error](err); ok {
			all.Findings = append(all.Findings, found.Findings...)
		} else if err != nil {
			return nil, err
		}
		jobs = append(jobs, some...)
	}
	all.Findings = append(all.Findings, doubles(jobs)...)
	if len(all.Findings) > 0 {
		return nil, all
	}
	return jobs, nil
}

// Parse reads the documents of one file. A `file:` in it is read relative to the
// directory of name.
func Parse(name string, text []byte) ([]Job, error) {
	r := &reader{file: name}
	jobs := r.documents(text)
	if len(r.findings) > 0 {
		slices.SortStableFunc(r.findings, func(a, b Finding) int {
			return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
		})
		return nil, &Error{Findings: r.findings}
	}
	return jobs, nil
}

func below(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(d.Name(), ".") && path != dir
		switch {
		case err != nil:
			return err
		case d.IsDir() && hidden:
			return fs.SkipDir
		case d.IsDir() || hidden:
			return nil
		}
		if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for definitions below %s: %w", dir, plain(err))
	}
	return files, nil
}

func readLimited(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, plain(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, fileLimit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, plain(err))
	}
	return text, nil
}

// readBeside reads a script that a YAML file names. The directory is a root that
// no path and no symbolic link leaves.
func readBeside(yamlFile, script string) ([]byte, error) {
	root, err := os.OpenRoot(filepath.Dir(yamlFile))
	if err != nil {
		return nil, plain(err)
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(filepath.FromSlash(script))
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, plain(err)
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	return io.ReadAll(io.LimitReader(f, scriptLimit+1))
}

// plain drops the operation and path of a file error, which our own words say.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func doubles(jobs []Job) []Finding {
	first := map[[2]string]Position{}
	var found []Finding
	for _, j := range jobs {
		key := [2]string{cmp.Or(j.Metadata.Project, "default"), j.Metadata.Name}
		if at, taken := first[key]; taken {
			found = append(found, Finding{j.Origin, "metadata.name", fmt.Sprintf("job %q is defined twice; the first is at %s", j.Metadata.Name, at)})
			continue
		}
		first[key] = j.Origin
	}
	return found
}
