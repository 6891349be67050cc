package agentapi

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cronium/cronium/hub/fleet"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// enrolment serves newcomers.
type enrolment struct {
	agentv1.UnimplementedEnrolmentServiceServer
	d *Door
}

// Enrol admits a newcomer with a join token.
func (e enrolment) Enrol(ctx context.Context, in *agentv1.EnrolRequest) (*agentv1.EnrolResponse, error) {
	out, err := e.d.config.Fleet.Enrol(ctx, fleet.Enrolment{
		TokenID: in.GetTokenId(), TokenSecret: in.GetTokenSecret(), CSR: in.GetCsrDer(), Name: in.GetName(),
		Labels: in.GetLabels(), Facts: toFacts(in.GetFacts()),
	})
	if err != nil {
		return nil, err
	}
	return &agentv1.EnrolResponse{
		AgentId: out.AgentID.String(), Name: out.Name, InstanceId: out.Instance.String(), Certificate: fromCertificate(out.Certificate),
		SigningKeys: out.SigningKeys,
	}, nil
}

func timestamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }
