package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cronium/cronium/sdk/client"
)

// opening is what opens a server. Secrets come from files or standard input, never
// from arguments, which every user of a machine can read.
type opening struct {
	Generate       bool   `help:"Make a key pair on the hub and print the public half."`
	KeyFile        string `placeholder:"FILE" help:"Private key; - is standard input."`
	PassphraseFile string `placeholder:"FILE" help:"Passphrase of the private key; - is standard input."`
	PasswordFile   string `placeholder:"FILE" help:"Password; - is standard input."`
}

// maxSecret bounds what is read of a file.
const maxSecret = 64 << 10

// given is how many ways to open a server were asked for.
func (o opening) given() int {
	n := 0
	for _, one := range []bool{o.Generate, o.KeyFile != "", o.PasswordFile != ""} {
		if one {
			n++
		}
	}
	return n
}

// opener reads the credential.
func (o opening) opener() (out client.Opener, err error) {
	switch {
	case o.given() != 1:
		return out, usage("Give one of --generate, --key-file and --password-file.", "it is not said what opens the server")
	case o.PassphraseFile != "" && o.KeyFile == "":
		return out, usage("Add --key-file.", "--passphrase-file needs a key")
	case o.PassphraseFile == "-" && o.KeyFile == "-":
		return out, usage("Put one of them into a file.", "key and passphrase cannot both come from standard input")
	case o.Generate:
		return client.Opener{Generate: true}, nil
	case o.PasswordFile != "":
		out.Password, err = secretLine(o.PasswordFile)
		return out, err
	}
	if out.PrivateKey, err = secretFile(o.KeyFile); err != nil || o.PassphraseFile == "" {
		return out, err
	}
	out.Passphrase, err = secretLine(o.PassphraseFile)
	return out, err
}

// secretLine is a file without the end of its last line.
func secretLine(path string) (string, error) {
	text, err := secretFile(path)
	return strings.TrimRight(text, "\r\n"), err
}

func secretFile(path string) (string, error) {
	var from io.Reader = os.Stdin
	name := "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", usage("Name a file that you can read.", "%v", err)
		}
		defer f.Close()
		from, name = f, path
	}
	text, err := io.ReadAll(io.LimitReader(from, maxSecret+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read %s: %w", name, err)
	case len(text) > maxSecret:
		return "", usage("Name a private key or a password.", "%s is larger than 64 KiB", name)
	case strings.TrimSpace(string(text)) == "":
		return "", usage("Put the secret there, without quotes.", "%s is empty", name)
	}
	return string(text), nil
}
