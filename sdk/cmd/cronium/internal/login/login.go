// Package login keeps who the user is on which hubs, in a file that only the user
// can read. One of the hubs is the current one. It does not know what a token may
// do.
package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Account is a hub and the token for it.
type Account struct {
	URL     string `json:"url"`
	Token   string `json:"token"`
	TokenID string `json:"token_id,omitempty"`
	Email   string `json:"email,omitempty"`
}

// Book is every account, one per hub. Current is the URL of the hub that is meant
// when none is named; empty when there is none.
type Book struct {
	Current  string    `json:"current,omitempty"`
	Accounts []Account `json:"accounts"`
}

// At returns the account of a hub, or the zero Account. A token is only ever
// found under the URL that it was kept under.
func (b *Book) At(url string) Account {
	for _, a := range b.Accounts {
		if a.URL == url {
			return a
		}
	}
	return Account{}
}

// Put keeps an account in place of the one of the same hub, and makes its hub the
// current one.
func (b *Book) Put(a Account) {
	b.Drop(a.URL)
	b.Accounts = append(b.Accounts, a)
	b.Current = a.URL
}

// Drop forgets the account of a hub. Another hub does not become the current one
// by that: the user says which.
func (b *Book) Drop(url string) {
	b.Accounts = slices.DeleteFunc(b.Accounts, func(a Account) bool { return a.URL == url })
	if b.Current == url {
		b.Current = ""
	}
}

// Path is where the book is kept: login.json in $XDG_CONFIG_HOME/cronium, or in
// ~/.config/cronium.
func Path(env func(string) string) (string, error) {
	dir := env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home := env("HOME")
		if home == "" {
			return "", errors.New("neither XDG_CONFIG_HOME nor HOME is set")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "cronium", "login.json"), nil
}

// Read returns the book, which is empty when there is no file.
func Read(path string) (Book, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Book{}, nil
	}
	if err != nil {
		return Book{}, fmt.Errorf("read the login: %w", err)
	}
	var b Book
	if err := json.Unmarshal(text, &b); err != nil {
		return Book{}, fmt.Errorf("read the login in %s: %w", path, err)
	}
	return b, nil
}

// Exposed reports whether others can read the file.
func Exposed(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0
}

// Write replaces the book; an empty one leaves no file. The file is whole or as it
// was, and only the user can read it whatever it was before.
func Write(path string, b Book) error {
	if len(b.Accounts) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget the login: %w", err)
		}
		return nil
	}
	if err := replace(path, b); err != nil {
		return fmt.Errorf("keep the login: %w", err)
	}
	return nil
}

func replace(path string, b Book) error {
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".login-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // when it was not moved
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
