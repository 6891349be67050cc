package artifact

// Limits of one run's artifacts. Zero is the default.
type Limits struct {
	Artifact int64 // bytes of one; default 256 MiB, at most 10 GiB
	Run      int64 // bytes of all together; default 1 GiB, at most 100 GiB
	Count    int   // default 100, at most 1,000
}

const (
	mib = 1 << 20
	gib = 1 << 30

	maxArtifact = 10 * gib
	maxRun      = 100 * gib
	maxCount    = 1000
)

func (l *Limits) fill() error {
	if l.Artifact == 0 {
		l.Artifact = 256 * mib
	}
	if l.Run == 0 {
		l.Run = max(1*gib, min(l.Artifact, maxRun))
	}
	if l.Count == 0 {
		l.Count = 100
	}
	if l.Artifact < 0 || l.Artifact > maxArtifact || l.Run < l.Artifact || l.Run > maxRun || l.Count < 0 || l.Count > maxCount {
		return ErrLimits.With("%d bytes an artifact, %d bytes and %d artifacts a run", l.Artifact, l.Run, l.Count)
	}
	return nil
}
