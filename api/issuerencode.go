package api

import (
	"strconv"
	"time"

	"mirnode/accounts"
	"mirnode/internal/strictjson"
	"mirnode/protocol"
)

// appendTask writes what is to be set in a domain's DNS.
func appendTask(b []byte, t *accounts.DomainTask) []byte {
	b = strictjson.AppendString(append(b, `{"domain":`...), t.Domain)
	b = strictjson.AppendString(append(b, `,"name":`...), t.Name)
	b = strictjson.AppendString(append(b, `,"value":`...), t.Value)
	b = strictjson.AppendString(append(b, `,"record":`...), t.Record)
	return append(strictjson.AppendTime(append(b, `,"expiresAt":`...), t.ExpiresAt), '}')
}

// appendCheck writes what was found in a domain's DNS.
func appendCheck(b []byte, d *accounts.DomainCheck) []byte {
	b = strconv.AppendBool(append(b, `{"verified":`...), d.Verified)
	b = strconv.AppendBool(append(b, `,"answered":`...), d.Answered)
	b = strictjson.AppendString(append(b, `,"domain":`...), d.Domain)
	b = strictjson.AppendString(append(b, `,"name":`...), d.Name)
	b = strictjson.AppendString(append(b, `,"value":`...), d.Value)
	b = strictjson.AppendTime(append(b, `,"checkedAt":`...), d.At)
	b = strictjson.AppendString(append(b, `,"detail":`...), d.Detail)
	if d.Hint != "" {
		b = strictjson.AppendString(append(b, `,"hint":`...), d.Hint)
	}
	return append(appendStrings(append(b, `,"found":[`...), d.Found), ']', '}')
}

// appendAPIKeys writes what is known of API keys: never the keys.
func appendAPIKeys(b []byte, keys []accounts.APIKey) []byte {
	b = append(b, '[')
	for i := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAPIKey(b, &keys[i])
	}
	return append(b, ']')
}

func appendAPIKey(b []byte, k *accounts.APIKey) []byte {
	b = strictjson.AppendString(append(b, `{"id":`...), k.ID)
	b = strictjson.AppendString(append(b, `,"label":`...), k.Label)
	b = append(appendStrings(append(b, `,"scopes":[`...), k.Scopes), ']')
	b = strictjson.AppendTime(append(b, `,"createdAt":`...), k.Created)
	b = appendSomeTime(b, "expiresAt", k.Expires)
	b = appendSomeTime(b, "lastUsedAt", k.LastUsed)
	return append(b, '}')
}

// appendFreshKey writes a new API key, the key itself included, this once.
func appendFreshKey(b []byte, secret string, k *accounts.APIKey) []byte {
	b = strictjson.AppendString(append(b, `{"apiKey":`...), secret)
	return append(appendAPIKey(append(b, `,"key":`...), k), '}')
}

// appendAccount writes what the operator sees of an issuer.
func appendAccount(b []byte, a *accounts.Account) []byte {
	b = appendRecord(append(b, '{'), a.Record)
	b = appendSomeTime(b, "created", a.Created)
	b = appendSomeText(b, "plan", a.Plan)
	b = appendSomeText(b, "reason", a.Reason)
	b = appendSomeTime(b, "domainChecked", a.DomainChecked)
	b = appendSomeTime(b, "nextCheck", a.NextCheck)
	b = appendSomeTime(b, "silentSince", a.SilentSince)
	b = appendSomeTime(b, "disputed", a.Disputed)
	b = append(b, `,"keys":[`...)
	for i := range a.Record.Keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendKey(b, &a.Record.Keys[i])
	}
	b = append(b, `],"pendingDomains":[`...)
	for i := range a.Pending {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTask(b, &a.Pending[i])
	}
	return append(appendAPIKeys(append(b, `],"apiKeys":`...), a.APIKeys), '}')
}

// appendRecord writes the members of an issuer as its record has them.
func appendRecord(b []byte, r *protocol.Issuer) []byte {
	b = strictjson.AppendString(append(b, `"id":`...), r.ID)
	b = strictjson.AppendString(append(b, `,"name":`...), r.Name)
	b = strictjson.AppendString(append(b, `,"status":`...), string(r.Status))
	b = strictjson.AppendString(append(b, `,"home":`...), r.Home)
	b = appendSomeText(b, "verifiedBy", r.VerifiedBy)
	b = appendSomeTime(b, "verifiedAt", r.VerifiedAt)
	return appendSomeText(b, "domain", r.Domain)
}

// appendSomeText and appendSomeTime write a member, with a comma before it, where there is something to say.
func appendSomeText(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return strictjson.AppendString(append(strictjson.AppendString(append(b, ','), name), ':'), text)
}

func appendSomeTime(b []byte, name string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	return strictjson.AppendTime(append(strictjson.AppendString(append(b, ','), name), ':'), t)
}
