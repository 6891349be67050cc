package dependency

import "github.com/cronium/cronium/sdk/problem"

// ErrInvalid is an entry that names no package. A number instead of net/http's name,
// because this is part of the runner, which must stay small.
var ErrInvalid = problem.New("dependency_invalid", 422,
	"Dependency is not valid", "Write packages as requests==2.32.3 for Python or left-pad@1.3.0 for Node; options, paths and addresses are not allowed.")
