package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

// issuerStep makes an issuer with one signing key: ${i1.id}, ${i1.apiKey}, ${i1.name}, and the parts of its key. Where no operator can be reached, it is the identity
// that was given to the suite, whose key is made once in a run; a case has one such issuer at most.
type issuerStep struct {
	As        string `json:"as"`
	Name      string `json:"name"`      // "": one that says where it comes from
	Algorithm string `json:"algorithm"` // of its key; "": Ed25519
	Node      int    `json:"node"`      // its home; 0: the first
	Keyless   bool   `json:"keyless"`   // registers no key
}

// issuer is what is kept of one.
type issuer struct {
	home       int // the node's number
	id, apiKey string
	key        *keypair // nil: none is registered
	hosted     *hosted  // its home is a peer of the suite's; nil: a node
}

// makeIssuer makes an issuer at a node, through its operator or of the identity that was given, and registers a key of it.
func makeIssuer(ctx context.Context, p *play, s *issuerStep) error {
	home := max(s.Node, 1)
	if home > len(p.world.Nodes) {
		return fmt.Errorf("there is no node %d", home)
	}
	name := orElse(s.Name, "Conformance "+p.unique+" "+s.As)
	who := &issuer{home: home}
	given := p.world.Nodes[home-1].Operator == ""
	var err error
	if given {
		name, err = p.givenIssuer(ctx, who)
	} else {
		err = p.newIssuer(ctx, who, name)
	}
	if err != nil {
		return err
	}
	o := &object{text: who.id, held: who, parts: map[string]string{}}
	if !s.Keyless {
		if who.key, err = p.issuerKey(ctx, who, orElse(s.Algorithm, algorithmEd25519), given); err != nil {
			return err
		}
		o.parts = keyObject(who.key).parts
	}
	o.parts["id"], o.parts["apiKey"], o.parts["name"], o.parts["home"] = who.id, who.apiKey, name, strconv.Itoa(home)
	return p.make(s.As, o)
}

// newIssuer has the operator make one.
func (p *play) newIssuer(ctx context.Context, who *issuer, name string) error {
	body := members{}.text("name", name)
	made, err := p.demand(ctx, asked{operator: true, node: who.home, path: "/admin/issuers", body: body, want: http.StatusOK})
	if err != nil {
		return err
	}
	who.id, who.apiKey = made.text("issuer.id"), made.text("apiKey")
	if who.id == "" || who.apiKey == "" {
		return errors.New("the operator's answer has no issuer's id, or no apiKey")
	}
	return nil
}

// givenIssuer takes the identity that the suite was given.
func (p *play) givenIssuer(ctx context.Context, who *issuer) (name string, err error) {
	identity := p.world.Issuer
	if identity == nil {
		return "", errors.New("there is no operator to make an issuer, and none was given")
	}
	for _, v := range p.vars {
		if o, ok := v.(*object); ok {
			if other, ok := o.held.(*issuer); ok && other.id == identity.ID {
				return "", errors.New("the case needs two issuers, and one was given: it should need the operator")
			}
		}
	}
	if err := p.world.given.wait(ctx); err != nil {
		return "", fmt.Errorf("wait for the issuer that was given: %w", err)
	}
	p.cleanups = append(p.cleanups, p.world.given.leave)
	who.id, who.apiKey = identity.ID, identity.APIKey
	shown, err := p.demand(ctx, asked{node: who.home, method: http.MethodGet, path: "/issuers/" + who.id, want: http.StatusOK})
	if err != nil {
		return "", err
	}
	return shown.text("issuer.name"), nil
}

// givenIssuer is what cases share of the issuer that was given: its keys, by algorithm, since an issuer has few in its life; and whose turn it is, since what it
// writes is limited for all cases together. Safe for concurrent use.
type givenIssuer struct {
	once sync.Once
	turn chan struct{} // holds one while a case has the issuer, which also guards keys
	keys map[string]*keypair
}

// wait waits for the case's turn.
func (g *givenIssuer) wait(ctx context.Context) error {
	g.once.Do(func() { g.turn, g.keys = make(chan struct{}, 1), map[string]*keypair{} })
	select {
	case g.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave lets the next case have its turn.
func (g *givenIssuer) leave() { <-g.turn }

// issuerKey registers a key of the issuer. Of an issuer that was given, an algorithm's key is made once and used by all cases.
func (p *play) issuerKey(ctx context.Context, who *issuer, algorithm string, given bool) (*keypair, error) {
	if !given {
		return p.registerKey(ctx, who, algorithm)
	}
	keys := p.world.given.keys // it is this case's turn
	if key := keys[algorithm]; key != nil {
		return key, nil
	}
	key, err := p.registerKey(ctx, who, algorithm)
	if err != nil {
		return nil, err
	}
	keys[algorithm] = key
	return key, nil
}

// registerKey makes a key and shows the node that its private half is here, by signing a challenge.
func (p *play) registerKey(ctx context.Context, who *issuer, algorithm string) (*keypair, error) {
	key, err := newKeypair(algorithm)
	if err != nil {
		return nil, err
	}
	path := "/issuers/" + who.id + "/keys"
	given, err := p.demand(ctx, asked{node: who.home, path: path + "/challenge", apiKey: who.apiKey, want: http.StatusOK})
	if err != nil {
		return nil, err
	}
	challenge := given.text("challenge")
	raw, err := key.sign([]byte("mir-key-possession:1:" + who.id + ":" + challenge))
	if err != nil {
		return nil, err
	}
	signature, err := spell(raw, nil)
	if err != nil {
		return nil, err
	}
	spki, _ := key.attribute("spki")
	body := members{}.text("publicKey", spki).text("challenge", challenge).text("signature", signature)
	_, err = p.demand(ctx, asked{node: who.home, path: path, apiKey: who.apiKey, body: body, want: http.StatusCreated})
	return key, err
}

// asked is a request that a verb makes for itself; its answer is not the case's subject.
type asked struct {
	operator bool   // at the operator's listener
	node     int    // from 1
	method   string // "": POST
	path     string
	apiKey   string
	body     members
	want     int // the status of success
}

// demand makes a request that must succeed, with JSON for its answer.
func (p *play) demand(ctx context.Context, a asked) (*answer, error) {
	node := p.world.Nodes[a.node-1]
	base := node.URL
	if a.operator {
		base = node.Operator
	}
	method := orElse(a.method, http.MethodPost)
	header := http.Header{}
	var body []byte
	if method != http.MethodGet {
		var err error
		if body, err = a.body.write(layoutWritten); err != nil {
			return nil, err
		}
		header.Set("Content-Type", "application/json")
	}
	if a.apiKey != "" {
		header.Set("x-api-key", a.apiKey)
	}
	sent := sending{method: method, url: base + a.path, header: header, body: body}
	said, err := p.ask(ctx, sent)
	if err != nil {
		return nil, err
	}
	if said.status != a.want {
		return nil, fmt.Errorf("%s %s, which the case needs to go on, should be answered %d%s", method, a.path, a.want, said.tail())
	}
	if _, err := said.object(); err != nil {
		return nil, fmt.Errorf("%s %s: %w%s", method, a.path, err, said.tail())
	}
	p.leaveNoKeys(ctx, node, sent, said)
	return said, nil
}

// issuer finds the issuer that a step names.
func (p *play) issuer(name string) (*issuer, error) {
	if o, ok := p.vars[name].(*object); ok {
		if who, ok := o.held.(*issuer); ok {
			return who, nil
		}
	}
	return nil, fmt.Errorf("there is no issuer called %q", name)
}
