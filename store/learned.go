package store

import "mirnode/protocol"

// tell hands issuer records that are safe on disk to whoever wants to hear of them.
func (s *Store) tell(learned []protocol.Record) {
	if s.options.Learned == nil {
		return
	}
	for _, r := range learned {
		s.options.Learned(r)
	}
}

// appendIssuer appends a record that was read to those that are told of, if it is an issuer record.
func appendIssuer(learned []protocol.Record, r *logRecord) ([]protocol.Record, error) {
	if r.Kind != protocol.KindIssuer || r.erased {
		return learned, nil
	}
	issuer, err := protocol.ParseIssuer(r.Raw)
	if err != nil {
		return learned, err
	}
	return append(learned, issuer), nil
}
