package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"crmsyncd/state"
)

// tokenFile keeps a refresh token that the system changed for another: a file
// beside the state that only the daemon may read. It also notes, as a digest,
// which configured token it began with, so that a new one from the admin counts.
type tokenFile struct {
	path  string
	first func() (string, error) // the configured token
}

func digestOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// read returns the stored token, or the configured one.
func (t tokenFile) read() (string, error) {
	first, err := t.first()
	if err != nil {
		return "", err
	}
	info, err := os.Lstat(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return first, nil
	}
	if err != nil {
		return "", fmt.Errorf("read the stored refresh token: %w", state.Forbidden(t.path, err))
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("the stored refresh token %s must be an ordinary file that nobody else may read: chmod 600 it", t.path)
	}
	text, err := os.ReadFile(t.path)
	if err != nil {
		return "", fmt.Errorf("read the stored refresh token: %w", state.Forbidden(t.path, err))
	}
	began, token, ok := strings.Cut(strings.TrimSpace(string(text)), "\n")
	if !ok || began != digestOf(first) {
		return first, nil
	}
	return token, nil
}

// write stores a token durably before it returns.
func (t tokenFile) write(token string) error {
	first, err := t.first()
	if err != nil {
		return err
	}
	if err := state.WriteFile(t.path, []byte(digestOf(first)+"\n"+token+"\n")); err != nil {
		return fmt.Errorf("store the refresh token: %w", err)
	}
	return nil
}
