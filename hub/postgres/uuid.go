package postgres

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// registerUUID teaches pgx to read and write uuid.UUID and []uuid.UUID as the
// bytes they are. Without it each goes through database/sql's interfaces, text and
// an error value; in batches that cost half of the hub's processor time.
func registerUUID(m *pgtype.Map) {
	one := &pgtype.Type{Name: "uuid", OID: pgtype.UUIDOID, Codec: uuidCodec{}}
	m.RegisterType(one)
	m.RegisterType(&pgtype.Type{Name: "_uuid", OID: pgtype.UUIDArrayOID, Codec: uuidsCodec{&pgtype.ArrayCodec{ElementType: one}}})
}

// uuidCodec knows uuid.UUID in binary, and leaves everything else to pgx.
type uuidCodec struct{ pgtype.UUIDCodec }

// PlanEncode overrides [pgtype.UUIDCodec.PlanEncode].
func (c uuidCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.(uuid.UUID); ok && format == pgtype.BinaryFormatCode {
		return encodeUUID{}
	}
	return c.UUIDCodec.PlanEncode(m, oid, format, value)
}

// PlanScan overrides [pgtype.UUIDCodec.PlanScan].
func (c uuidCodec) PlanScan(m *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	if _, ok := target.(*uuid.UUID); ok && format == pgtype.BinaryFormatCode {
		return scanUUID{}
	}
	return c.UUIDCodec.PlanScan(m, oid, format, target)
}

type encodeUUID struct{}

func (encodeUUID) Encode(value any, buf []byte) ([]byte, error) {
	id := value.(uuid.UUID)
	return append(buf, id[:]...), nil
}

type scanUUID struct{}

func (scanUUID) Scan(src []byte, target any) error {
	if len(src) != 16 {
		return fmt.Errorf("cannot read %d bytes into a uuid.UUID", len(src))
	}
	copy(target.(*uuid.UUID)[:], src)
	return nil
}

// uuidsCodec writes []uuid.UUID without the reflection that pgx uses for slices it
// does not know, and leaves everything else to pgx.
type uuidsCodec struct{ *pgtype.ArrayCodec }

// PlanEncode overrides [pgtype.ArrayCodec.PlanEncode].
func (c uuidsCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.([]uuid.UUID); ok && format == pgtype.BinaryFormatCode {
		return encodeUUIDs{}
	}
	return c.ArrayCodec.PlanEncode(m, oid, format, value)
}

type encodeUUIDs struct{}

// Encode writes PostgreSQL's form of an array: dimensions, whether there are
// nulls, the type; length and first index; then each element with its size.
func (encodeUUIDs) Encode(value any, buf []byte) ([]byte, error) {
	ids := value.([]uuid.UUID)
	if ids == nil {
		return nil, nil // null, as pgx has it for every nil slice
	}
	word := binary.BigEndian.AppendUint32
	dimensions := uint32(min(len(ids), 1))
	buf = word(word(word(slices.Grow(buf, 20+20*len(ids)), dimensions), 0), pgtype.UUIDOID)
	if len(ids) > 0 {
		buf = word(word(buf, uint32(len(ids))), 1)
	}
	for _, id := range ids {
		buf = append(word(buf, uint32(len(id))), id[:]...)
	}
	return buf, nil
}
