package project

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/project/internal/db"
	"github.com/cronium/cronium/proto/image"
)

// maxImages is how many patterns a project may have.
const maxImages = 200

// Images returns the patterns of the images that the project's jobs may name (see
// package proto/image). None means every image.
func (s *Store) Images(ctx context.Context, project uuid.UUID) ([]string, error) {
	list, err := db.New(s.db.Pool).Images(ctx, project)
	if err != nil {
		return nil, fmt.Errorf("read the images of project %s: %w", project, err)
	}
	return list, nil
}

// SetImages replaces them. Jobs that name others stay as they are, and their runs
// fail with [ErrImageNotAllowed].
func (s *Store) SetImages(ctx context.Context, actor authz.Actor, project uuid.UUID, patterns []string) error {
	if err := actor.Check(authz.ProjectEdit, project); err != nil {
		return err
	}
	if len(patterns) > maxImages {
		return ErrImagePattern.With("%d patterns, at most %d are allowed", len(patterns), maxImages).At("images")
	}
	for i, text := range patterns {
		if _, ok := image.ParsePattern(text); !ok || slices.Contains(patterns[:i], text) {
			return ErrImagePattern.With("%.100q is not a pattern, or is here twice", text).At(fmt.Sprintf("images[%d]", i))
		}
	}
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.LockProject(ctx, project); err != nil {
			return err
		}
		if err := q.ClearImages(ctx, project); err != nil {
			return err
		}
		return q.AddImages(ctx, project, patterns)
	})
	if err != nil {
		return fmt.Errorf("set the images of project %s: %w", project, err)
	}
	return nil
}

// CheckImage returns [ErrImageNotAllowed] for an image that the project's jobs may
// not name. A job that names none has the host's own image, which its operator
// answers for.
func (s *Store) CheckImage(ctx context.Context, project uuid.UUID, text string) error {
	if text == "" {
		return nil
	}
	patterns, err := s.Images(ctx, project)
	if err != nil || len(patterns) == 0 {
		return err
	}
	ref, _ := image.Parse(text)
	for _, one := range patterns {
		if p, ok := image.ParsePattern(one); ok && p.Matches(ref) {
			return nil
		}
	}
	return ErrImageNotAllowed.With("The project allows %s, and %s is none of them", strings.Join(patterns, ", "), text).At("spec.container.image")
}
