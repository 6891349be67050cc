package call

// hub are the calls that the hub answers.
var hub = map[string]bool{
	"output.set": true, "output.update": true,
	"variable.get": true, "variable.set": true, "variable.compare_and_set": true, "variable.increment": true,
	"secret.get": true, "condition.set": true, "progress.set": true,
	"artifact.begin": true, "artifact.write": true, "artifact.commit": true, "artifact.drop": true,
	"artifact.list": true, "artifact.open": true, "artifact.read": true,
}

// ForHub reports whether the hub answers a call.
func ForHub(name string) bool { return hub[name] }

// Bulky reports whether a call carries the bytes of an artifact, up or down.
func Bulky(name string) bool { return name == "artifact.write" || name == "artifact.read" }
