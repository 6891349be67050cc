package runlog

import (
	"fmt"
	"runtime"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A window of 256 KiB is more than a chunk, so nothing is lost, and a decoder
// needs no more memory than that.
const window = 256 << 10

// codec compresses and expands chunks. Both ends keep a small pool of their own,
// so one value serves everybody.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

var newCodec = sync.OnceValue(func() *codec {
	workers := runtime.GOMAXPROCS(0)
	encoder, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(workers),
		zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(true))
	if err != nil {
		panic(err) // the options are constants
	}
	decoder, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(workers), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(8<<20))
	if err != nil {
		panic(err)
	}
	return &codec{encoder: encoder, decoder: decoder}
})

func (c *codec) pack(frames []byte) []byte {
	return c.encoder.EncodeAll(frames, make([]byte, 0, len(frames)/4+64))
}

// unpack expands into dst, which it may grow.
func (c *codec) unpack(dst, data []byte, want int) ([]byte, error) {
	out, err := c.decoder.DecodeAll(data, dst[:0])
	if err != nil {
		return nil, ErrCorrupt.With("a chunk does not expand: %v", err)
	}
	if len(out) != want {
		return nil, ErrCorrupt.With("a chunk of %d bytes expands to %d", want, len(out))
	}
	return out, nil
}

func corrupt(off int64, err error) error {
	return fmt.Errorf("chunk at %d: %w", off, ErrCorrupt.With("%v", err))
}
