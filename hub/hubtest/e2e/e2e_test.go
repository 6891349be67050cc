// Package e2e drives the dashboard in a real Chromium against a real hub and agent.
package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cronium/cronium/hub/hubtest"
)

func TestDashboardInChromium(t *testing.T) {
	m := hubtest.NewMachine(t)
	web, err := filepath.Abs("../../../web")
	if err != nil {
		t.Fatal(err)
	}
	m.CLI("apply", "-f", filepath.Join(web, "../examples"))
	journeys := exec.CommandContext(t.Context(), "npm", "run", "--silent", "e2e")
	journeys.Dir = web
	journeys.Env = append(os.Environ(),
		"CRONIUM_URL="+m.URL, "CRONIUM_EMAIL="+hubtest.Email, "CRONIUM_PASSWORD="+hubtest.Password)
	journeys.Stdout, journeys.Stderr = os.Stdout, os.Stderr
	if err := journeys.Run(); err != nil {
		t.Fatalf("npm run e2e: %v", err)
	}
}
