package wire

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/grpc/metadata"
)

// The protocols of the one listener. What a client may call depends on it.
const (
	ALPNAgent = "cronium-agent/1" // control
	ALPNData  = "cronium-data/1"  // uploads
	ALPNEnrol = "cronium-enrol/1" // without a client certificate: Enrol only
	ALPNRenew = "cronium-renew/1" // with a certificate that may have expired: Renew only
)

// ServerName is the name in every hub's server certificate that agents verify,
// whatever address they dialled.
const ServerName = "hub.cronium.internal"

// ExpiredGrace is how long after its end a certificate may still be renewed.
const ExpiredGrace = 7 * 24 * time.Hour

// MaxMessage is the longest gRPC message that either side receives.
const MaxMessage = 8 << 20

const (
	tcpUserTimeout   = 15 * time.Second
	tcpKeepIdle      = 5 * time.Second
	tcpKeepInterval  = 5 * time.Second
	tcpKeepCount     = 3
	tcpWriteBuffer   = 256 << 10
	muxWindow        = 1 << 20
	muxWriteTimeout  = 30 * time.Second
	muxCloseTimeout  = time.Minute
	muxOpenTimeout   = 75 * time.Second
	maxStreams       = 16
	handshakeTimeout = 5 * time.Second
)

const epochHeader = "cronium-epoch"

// WithEpoch returns a context whose outgoing calls present the epoch of the
// control session to which a data connection belongs.
func WithEpoch(ctx context.Context, epoch int64) context.Context {
	return metadata.AppendToOutgoingContext(ctx, epochHeader, strconv.FormatInt(epoch, 10))
}

// EpochFrom returns the epoch that a call presented.
func EpochFrom(ctx context.Context) (int64, bool) {
	values := metadata.ValueFromIncomingContext(ctx, epochHeader)
	if len(values) != 1 {
		return 0, false
	}
	epoch, err := strconv.ParseInt(values[0], 10, 64)
	return epoch, err == nil
}
