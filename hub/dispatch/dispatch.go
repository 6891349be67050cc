package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/server"
)

// Runs is what dispatch asks of hub/run.
type Runs interface {
	Claim(ctx context.Context, agent uuid.UUID, epoch int64, labels map[string]string, project uuid.UUID, n int) ([]run.Claimed, error)
	Release(ctx context.Context, agent uuid.UUID, refs []run.Ref, reason string) error
	Queued(ctx context.Context, limit int) ([]run.Queueing, error)
	SetReasons(ctx context.Context, waiting []run.Waiting) error
	Cancelling(ctx context.Context, agents []uuid.UUID) (map[uuid.UUID][]run.Ref, error)
	CountByAgent(ctx context.Context, agents []uuid.UUID) (map[uuid.UUID]int, error)
	Finish(ctx context.Context, agent uuid.UUID, results []run.Result) ([]run.Answer, error)
}

// Logs says that a log ends. *runlog.Store does.
type Logs interface {
	Complete(ctx context.Context, run uuid.UUID, attempt int32, bytes int64) error
}

// VersionRef names a version of a job.
type VersionRef struct {
	JobID   uuid.UUID
	Version int
}

// JobVersion is what of a job's version an agent needs.
type JobVersion struct {
	Language string
	Source   []byte
	SHA256   []byte
	Env      map[string]string
	Timeout  time.Duration
	Grace    time.Duration

	Container *Container // nil: a process of the host
	Limits    Limits

	Dependencies []string // packages that the script needs
}

// Container is what a script runs in.
type Container struct {
	Image, Pull, Network string
	Mounts               []string
}

// Limits are what an attempt may use; zero is the agent's default.
type Limits struct{ MemoryBytes, MilliCPUs, Processes, FileBytes, WorkspaceBytes int64 }

// Jobs looks up versions of jobs, all in one question, and the names of projects.
// Both never change, so it may remember.
type Jobs interface {
	Versions(ctx context.Context, refs []VersionRef) (map[VersionRef]JobVersion, error)
	ProjectSlug(ctx context.Context, project uuid.UUID) (string, error)
	// CheckImage returns a problem for an image that the project does not allow. The
	// answer may change, so it is not remembered.
	CheckImage(ctx context.Context, project uuid.UUID, image string) error
}

// Servers finds the ways to the servers that jobs name, all in one question.
// *server.Store is one.
type Servers interface {
	Ways(ctx context.Context, refs []server.Ref) (map[server.Ref]server.Way, error)
}

// Opener opens sealed inputs. *secret.Keys is one.
type Opener interface {
	Open(sealed []byte, aad string) ([]byte, error)
}

// Config says whom to ask. Fleet, Runs, Logs, Jobs and Opener are required.
type Config struct {
	Fleet  *fleet.Fleet
	Runs   Runs
	Logs   Logs
	Jobs   Jobs
	Opener Opener

	Servers  Servers       // default: there are none
	Poll     time.Duration // how late a lost bell makes us; default 1 s
	LogLimit int64         // bytes of a script's output that are kept; default 256 MiB

	Now func() time.Time // default: time.Now
	Log *slog.Logger     // default: discard
}

func (c *Config) validate() {
	if c.Fleet == nil || c.Runs == nil || c.Logs == nil || c.Jobs == nil || c.Opener == nil {
		panic("dispatch: Config needs Fleet, Runs, Logs, Jobs and Opener")
	}
	if c.Servers == nil {
		c.Servers = noServers{}
	}
	if c.Poll == 0 {
		c.Poll = time.Second
	}
	if c.LogLimit == 0 {
		c.LogLimit = 256 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Dispatch plans and sends.
type Dispatch struct {
	config Config
	log    *slog.Logger

	sending sync.WaitGroup
}

// New returns a dispatcher; [Dispatch.Run] does the work.
func New(config Config) *Dispatch {
	config.validate()
	return &Dispatch{config: config, log: config.Log}
}

// callTimeout bounds every question to the database and every call to an agent. It
// is well below the assignment lease.
const callTimeout = 5 * time.Second
