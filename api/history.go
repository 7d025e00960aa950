package api

import (
	"context"
	"strconv"

	"mirnode/internal/strictjson"
	"mirnode/protocol"
	"mirnode/store"
)

// maxHistory is the number of observations in one answer.
const maxHistory = 50

// Observed gives what nodes have logged about a domain's keys, newest first, and the cursor of the next page; store.ErrInvalid for a cursor that is none.
type Observed interface {
	Observations(ctx context.Context, domain string, limit int, cursor string) ([]store.PlacedObservation, string, error)
}

// appendHistory writes the members "history" and "historyNext", with a comma before them.
func appendHistory(b []byte, list []store.PlacedObservation, next string) []byte {
	b = append(b, `,"history":[`...)
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendObservation(b, list[i].Observation, &list[i].Place)
	}
	b = append(b, ']')
	if next != "" {
		b = strictjson.AppendString(append(b, `,"historyNext":`...), next)
	}
	return b
}

func appendObservation(b []byte, o *protocol.Observation, place *store.Place) []byte {
	b = strictjson.AppendString(append(b, `{"observer":`...), o.Observer)
	b = strictjson.AppendString(append(b, `,"fingerprint":`...), o.Key.Fingerprint)
	b = strictjson.AppendString(append(b, `,"pub":`...), protocol.EncodePublicKey(o.Key.Public))
	b = append(appendStrings(append(b, `,"channels":[`...), o.Key.Channels), ']')
	b = strconv.AppendBool(append(b, `,"dnssec":`...), o.DNSSEC)
	b = strictjson.AppendTime(append(b, `,"firstSeen":`...), o.FirstSeen)
	b = strictjson.AppendTime(append(b, `,"lastSeen":`...), o.LastSeen)
	b = strconv.AppendBool(append(b, `,"gone":`...), o.Gone)
	if !o.Key.Created.IsZero() {
		b = strictjson.AppendTime(append(b, `,"created":`...), o.Key.Created)
	}
	if !o.Key.Expires.IsZero() {
		b = strictjson.AppendTime(append(b, `,"expires":`...), o.Key.Expires)
	}
	b = strictjson.AppendString(append(b, `,"log":`...), place.Origin)
	b = strconv.AppendUint(append(b, `,"index":`...), place.Index, 10)
	b = appendDocument(append(b, `,"observation":`...), o.Raw())
	return append(b, '}')
}
