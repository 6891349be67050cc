package run

import "encoding/json"

const (
	maxImage  = 255
	maxStage  = 32
	maxStages = 16
)

// encodeRan writes what an agent told, which is hostile text: it is cleaned and cut.
func encodeRan(r Ran) string {
	if r.Image == "" && r.Digest == "" && len(r.Stages) == 0 {
		return ""
	}
	r.Image, r.Digest = clean(r.Image, maxImage), clean(r.Digest, maxImage)
	stages := make([]Stage, 0, min(len(r.Stages), maxStages))
	for _, s := range r.Stages[:min(len(r.Stages), maxStages)] {
		stages = append(stages, Stage{clean(s.Name, maxStage), max(0, s.Duration)})
	}
	r.Stages = stages
	b, _ := json.Marshal(r) // texts and numbers
	return string(b)
}

func decodeRan(raw []byte) Ran {
	var r Ran
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &r) // encodeRan wrote it
	}
	return r
}
