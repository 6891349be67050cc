package job

import (
	"container/list"
	"sync"
)

const maxCachedBytes = 16 << 20

// cache keeps the versions used last. They never change, so nothing expires; the
// bound is on bytes, because a script may be a mebibyte.
type cache struct {
	mu    sync.Mutex
	most  int
	bytes int
	order *list.List // of *cached, the one used last in front
	at    map[VersionRef]*list.Element
}

type cached struct {
	ref  VersionRef
	v    Version
	size int
}

func newCache(most int) *cache {
	return &cache{most: most, order: list.New(), at: map[VersionRef]*list.Element{}}
}

// get returns what is there and, once each, what is not.
func (c *cache) get(refs []VersionRef) (map[VersionRef]Version, []VersionRef) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := make(map[VersionRef]Version, len(refs))
	var missing []VersionRef
	asked := make(map[VersionRef]bool, len(refs))
	for _, r := range refs {
		if asked[r] {
			continue
		}
		asked[r] = true
		if e, ok := c.at[r]; ok {
			c.order.MoveToFront(e)
			found[r] = e.Value.(*cached).v
			continue
		}
		missing = append(missing, r)
	}
	return found, missing
}

func (c *cache) put(ref VersionRef, v Version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.at[ref]; ok {
		return
	}
	size := 2048 + len(v.Spec.Script.Source)
	for name, value := range v.Spec.Env {
		size += len(name) + len(value)
	}
	c.at[ref] = c.order.PushFront(&cached{ref, v, size})
	c.bytes += size
	for c.bytes > c.most && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*cached)
		delete(c.at, last.ref)
		c.bytes -= last.size
	}
}
