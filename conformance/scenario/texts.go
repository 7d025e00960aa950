package scenario

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// lookUpTime bounds one question in DNS.
const lookUpTime = 5 * time.Second

// textsArgs are the members of "texts".
type textsArgs struct {
	Name string `json:"name"` // a full name: _mir-key.node1.test
}

// lookUpTexts asks for TXT records as the nodes see them. Its answer has texts, a list; empty where there are none.
func lookUpTexts(ctx context.Context, p *play, args *textsArgs) error {
	if p.world.Names == nil {
		return fmt.Errorf("%w: the case lacks \"names\" under needs", errSteps)
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpTime)
	defer cancel()
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, p.world.Names.DNS().String())
	}}
	texts, err := resolver.LookupTXT(ctx, args.Name+".")
	var gone *net.DNSError
	if err != nil && (!errors.As(err, &gone) || !gone.IsNotFound) {
		return err
	}
	p.answer, err = jsonAnswer(map[string]any{"texts": append([]string{}, texts...)})
	return err
}
