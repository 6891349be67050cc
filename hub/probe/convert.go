package probe

import (
	"github.com/cronium/cronium/hub/server"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// request opens the credentials, at the last moment.
func request(q server.Question) *agentv1.ProbeRequest {
	out := &agentv1.ProbeRequest{Server: q.Server}
	for _, c := range q.Credentials {
		out.Credentials = append(out.Credentials, &agentv1.Credential{
			ServerId: c.ServerID.String(), Password: c.Password.Reveal(), PrivateKeyPem: []byte(c.PrivateKey.Reveal()), Passphrase: c.Passphrase.Reveal(),
		})
	}
	return out
}

// maxRead bounds what is looked at of an answer; hub/server bounds what is kept.
const maxRead = 1000

func answer(in *agentv1.ProbeResponse) server.Answer {
	out := server.Answer{HostKey: in.GetHostKey()}
	for _, c := range in.GetChecks()[:min(len(in.GetChecks()), maxRead)] {
		one := server.Check{Name: c.GetName(), OK: c.GetOk(), Detail: c.GetDetail(), Took: c.GetTook().AsDuration()}
		if p := c.GetProblem(); p != nil && !one.OK {
			one.Code, one.Hint = p.GetCode(), p.GetHint()
			if one.Detail == "" {
				one.Detail = p.GetDetail()
			}
		}
		out.Checks = append(out.Checks, one)
	}
	if f := in.GetFacts(); f != nil {
		facts := f.GetFacts()
		out.Facts = &server.Facts{
			Hostname: facts.GetHostname(), OS: facts.GetOs(), Arch: facts.GetArch(), Kernel: facts.GetKernel(), Distribution: facts.GetDistribution(),
			CPUs: int(facts.GetCpus()), MemoryBytes: facts.GetMemoryBytes(), Interpreters: facts.GetInterpreters(),
			DiskBytes: f.GetDiskBytes(), DiskFree: f.GetDiskFreeBytes(),
		}
	}
	return out
}
