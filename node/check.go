package node

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"mirnode/discovery"
)

// Check opens and reads every file that the settings name, as a start would, and serves nothing. Its error lists all that is wrong, each with its setting. The
// settings must have passed Validate, as those of Load have.
func (c *Config) Check() error {
	quiet := slog.New(slog.DiscardHandler)
	var faults []error
	if discoverer, err := c.newDiscoverer(quiet, nil); err != nil {
		faults = append(faults, err)
	} else {
		faults = append(faults, discoverer.Close())
	}
	if c.TLS.Cert != "" {
		_, err := loadCertificates(c.TLS.Cert, c.TLS.Key, quiet)
		faults = append(faults, err)
	}
	if c.NodeKey != "" {
		_, err := c.openNodeKey(quiet)
		faults = append(faults, err)
	}
	_, err := c.Gossip.options()
	faults = append(faults, err)
	_, err = c.Publish.documents()
	faults = append(faults, err)
	info, err := os.Stat(c.DataDir)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it will be made
	case err != nil:
		faults = append(faults, fmt.Errorf("data_dir: %w", err))
	case !info.IsDir():
		faults = append(faults, fmt.Errorf("data_dir: %s is no folder", c.DataDir))
	}
	return errors.Join(faults...)
}

// newDiscoverer opens discovery; observed, which may be nil, is told of each look-up. Its settings are checked by now, all but the resolvers.
func (c *Config) newDiscoverer(logger *slog.Logger, observed func(*discovery.Report)) (*discovery.Discoverer, error) {
	settings, err := c.discovery(logger)
	if err != nil {
		return nil, err
	}
	settings.Observed = observed
	discoverer, err := discovery.New(settings)
	if err == nil {
		return discoverer, nil
	}
	if cause := errors.Unwrap(err); cause != nil {
		err = cause // without the name of the room, which the setting's tells already
	}
	return nil, fmt.Errorf("discovery.resolvers: %w", err)
}
