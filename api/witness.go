package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// maxWitnessBody bounds a witness's request, in bytes: a checkpoint, and 63 hashes in base64.
const maxWitnessBody = 24 << 10

// sizeType is the form in which a witness tells the size of what it cosigned last (C2SP tlog-witness).
var sizeType = []string{"text/x.tlog.size"}

// addCheckpoint is POST /witness/add-checkpoint. Its answers are text, errors included, as C2SP tlog-witness has them.
func (a *API) addCheckpoint(c *gin.Context) error {
	if a.Federation == nil {
		return a.witnessAnswer(c, http.StatusNotFound, []byte("this node is no witness\n"))
	}
	body, err := a.readBody(c, maxWitnessBody)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if err := a.verifications.enter(ctx); err != nil {
		return err
	}
	defer a.verifications.leave()
	answer, status, err := a.Federation.AddCheckpoint(ctx, body)
	switch {
	case status == 0 || status == http.StatusOK && err != nil:
		return errors.Join(err, errors.New("the witness gave no answer"))
	case len(answer) == 0 && err != nil:
		answer = append([]byte(err.Error()), '\n') // for who sent the request
	}
	return a.witnessAnswer(c, status, answer)
}

func (a *API) witnessAnswer(c *gin.Context, status int, body []byte) error {
	h := c.Writer.Header()
	h["Cache-Control"] = noStore
	contentType := plainText
	switch status {
	case http.StatusOK:
		a.metrics.cosigned.Inc()
	case http.StatusConflict:
		if size, err := strconv.ParseUint(strings.TrimSuffix(string(body), "\n"), 10, 64); err == nil {
			contentType, body = sizeType, append(strconv.AppendUint(nil, size, 10), '\n')
		}
	case http.StatusServiceUnavailable:
		h["Retry-After"] = []string{"5"}
	}
	writeBody(c, status, contentType, body)
	return nil
}
