package boot_test

import (
	"os/exec"
	"testing"

	"github.com/cronium/cronium/agent/boot"
)

func TestAProcessIsValidOnlyWithItsStartTimeAndBoot(t *testing.T) {
	self, err := boot.Self()
	if err != nil {
		t.Fatal(err)
	}
	if !self.Alive() {
		t.Fatalf("%+v is not alive, but it is us", self)
	}
	other := self
	other.Start++
	if other.Alive() {
		t.Error("a process with another start time is taken for us")
	}
	other = self
	other.BootID = "another"
	if other.Alive() {
		t.Error("a process of another boot is taken for us")
	}
}

func TestAZombieIsNotAlive(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := boot.Of(cmd.Process.Pid)
	if err != nil || !p.Alive() {
		t.Fatalf("Of(%d) = %+v, %v; want it alive", cmd.Process.Pid, p, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for p.Alive() { // a zombie as soon as the kernel got to it; nobody waits for it yet
	}
	_ = cmd.Wait()
}
