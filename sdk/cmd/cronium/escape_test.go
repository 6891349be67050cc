package main

import "testing"

func TestTildeDotLeavesAtTheBeginningOfALineOnly(t *testing.T) {
	for _, c := range []struct {
		typed []string
		sent  string
		leave bool
	}{
		{[]string{"ls\r"}, "ls\r", false},
		{[]string{"~."}, "", true},
		{[]string{"~", "."}, "", true},
		{[]string{"ls\r", "~.", "rm\r"}, "ls\r", true},
		{[]string{"ls\n~.rest"}, "ls\n", true},
		{[]string{"cd ~.\r"}, "cd ~.\r", false},
		{[]string{"~~.\r"}, "~.\r", false},
		{[]string{"~/bin/x\r"}, "~/bin/x\r", false},
		{[]string{"~\r~."}, "~\r", true},
		{[]string{"a", "\r", "~", "~", "~.\r"}, "a\r~~.\r", false},
		{[]string{"ü\r~x"}, "ü\r~x", false},
	} {
		var e escape
		var sent []byte
		left := false
		for _, piece := range c.typed {
			send, leave := e.filter([]byte(piece))
			sent = append(sent, send...)
			if left = leave; left {
				break
			}
		}
		if string(sent) != c.sent || left != c.leave {
			t.Errorf("typed %q: sent %q, left %v; want %q, %v", c.typed, sent, left, c.sent, c.leave)
		}
	}
}
