// Command docs writes the man pages and the shell completions of programs, from
// what they say of themselves: the --help of each command, and `completion`.
//
//	docs -o FOLDER PROGRAM…
//
// FOLDER/NAME becomes what belongs below /usr/share: a page for each command, and
// completions for bash, zsh and fish. The date of the pages is SOURCE_DATE_EPOCH.
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	folder := flag.String("o", "", "`folder` to write into")
	flag.Parse()
	if *folder == "" || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(64)
	}
	for _, program := range flag.Args() {
		if err := write(filepath.Join(*folder, filepath.Base(program)), program); err != nil {
			fmt.Fprintln(os.Stderr, "docs:", err)
			os.Exit(1)
		}
	}
}

func write(folder, program string) error {
	pages, err := collect(program, nil, "")
	if err != nil {
		return err
	}
	date, err := date(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	for _, p := range pages {
		zipped, err := compress(p.roff(date))
		if err != nil {
			return err
		}
		if err := put(filepath.Join(folder, "man/man1", p.name()+".1.gz"), zipped); err != nil {
			return err
		}
	}
	return completions(folder, program)
}

// collect returns the page of a command and those of the commands below it.
func collect(program string, path []string, short string) ([]page, error) {
	text, err := say(program, append(path, "--help")...)
	if err != nil {
		return nil, err
	}
	p, err := parse(filepath.Base(program), path, short, text)
	if err != nil {
		return nil, err
	}
	pages := []page{p}
	for _, c := range p.commands {
		below, err := collect(program, append(path[:len(path):len(path)], c.name), c.text)
		if err != nil {
			return nil, err
		}
		pages = append(pages, below...)
	}
	return pages, nil
}

// say asks the program itself; its environment is empty, so that nothing of this
// machine gets into its words.
func say(program string, args ...string) (string, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return "", err
	}
	cmd := exec.Command(program, args...)
	cmd.Env = []string{}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", filepath.Base(program), strings.Join(args, " "), err)
	}
	return string(out), nil
}

// completions go where Debian's shells look for those of packages.
func completions(folder, program string) error {
	name := filepath.Base(program)
	for shell, file := range map[string]string{
		"bash": "bash-completion/completions/" + name,
		"zsh":  "zsh/vendor-completions/_" + name,
		"fish": "fish/vendor_completions.d/" + name + ".fish",
	} {
		text, err := say(program, "completion", shell)
		if err != nil {
			return err
		}
		if err := put(filepath.Join(folder, file), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

func put(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o644)
}

// compress is gzip -9n: without a name and a time, so that the same page gives
// the same bytes.
func compress(text string) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// date is the day of a time in seconds since 1970, empty where there is none.
func date(epoch string) (string, error) {
	if epoch == "" {
		return "", nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return "", fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly), nil
}
