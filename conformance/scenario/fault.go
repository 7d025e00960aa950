package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// mendTime bounds the mending of what a case broke.
const mendTime = 30 * time.Second

// faultArgs are the members of "fault": one of them.
type faultArgs struct {
	Kill      int     `json:"kill,omitzero"` // the number of a node
	Stop      int     `json:"stop,omitzero"`
	Start     int     `json:"start,omitzero"`
	Offset    string  `json:"offset,omitzero"` // with start: of the node's clock
	Pause     int     `json:"pause,omitzero"`
	Resume    int     `json:"resume,omitzero"`
	Partition [][]int `json:"partition,omitzero"` // nodes of different groups do not reach each other; nodes in no group are one more together
	Heal      bool    `json:"heal,omitzero"`
}

// fault breaks something, or mends it. What the case leaves broken is mended when it ends.
func fault(ctx context.Context, p *play, args *faultArgs) error {
	if p.world.Faults == nil {
		return fmt.Errorf("%w: the case lacks \"faults\" under needs", errSteps)
	}
	offset, err := duration(args.Offset)
	if err != nil {
		return err
	}
	f := p.world.Faults
	switch {
	case args.Kill > 0:
		return p.breaking(f.Kill(ctx, args.Kill), args.Kill, "down")
	case args.Stop > 0:
		return p.breaking(f.Stop(ctx, args.Stop), args.Stop, "down")
	case args.Start > 0:
		return p.mended(f.Start(ctx, args.Start, offset), args.Start, "down")
	case args.Pause > 0:
		return p.breaking(f.Pause(ctx, args.Pause), args.Pause, "paused")
	case args.Resume > 0:
		return p.mended(f.Resume(ctx, args.Resume), args.Resume, "paused")
	case args.Partition != nil:
		return p.breaking(f.Partition(ctx, args.Partition, false), 0, "cut")
	case args.Heal:
		return p.mended(f.Heal(ctx), 0, "cut")
	}
	return fmt.Errorf("%w: no fault is named", errSteps)
}

// broken is what a case broke and has not mended yet.
type broken struct {
	node int
	how  string // "down", "paused" or "cut"
}

// breaking notes what broke, and has it mended at the case's end.
func (p *play) breaking(err error, node int, how string) error {
	if err != nil {
		return fmt.Errorf("the suite cannot break it: %w", err)
	}
	list, _ := p.vars["what is broken"].([]broken)
	if list == nil {
		p.cleanups = append(p.cleanups, p.mendAll)
	}
	p.vars["what is broken"] = append(list, broken{node, how})
	return nil
}

func (p *play) mended(err error, node int, how string) error {
	if err != nil {
		return fmt.Errorf("the suite cannot mend it: %w", err)
	}
	list, _ := p.vars["what is broken"].([]broken)
	p.vars["what is broken"] = slices.DeleteFunc(list, func(b broken) bool { return b == broken{node, how} })
	return nil
}

// mendAll mends what the case left broken, so that the next one finds nodes that work.
func (p *play) mendAll() {
	ctx, cancel := context.WithTimeout(context.Background(), mendTime) // the case's own may be over
	defer cancel()
	list, _ := p.vars["what is broken"].([]broken)
	var failed error
	for _, b := range slices.Backward(list) {
		switch b.how {
		case "down":
			failed = errors.Join(failed, p.world.Faults.Start(ctx, b.node, 0))
		case "paused":
			failed = errors.Join(failed, p.world.Faults.Resume(ctx, b.node))
		case "cut":
			failed = errors.Join(failed, p.world.Faults.Heal(ctx))
		}
	}
	if failed != nil {
		p.exchanges.add("mending what the case broke", nil, []byte(failed.Error()))
	}
}
