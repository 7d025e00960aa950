package node

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

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
	if err := checkDataDir(c.DataDir); err != nil {
		faults = append(faults, fmt.Errorf("data_dir: %w", err))
	}
	return errors.Join(faults...)
}

// checkDataDir finds out whether the folder, or the nearest one above it that is there, can be written, by making a folder in it and removing it again: file
// systems say no in more ways than permissions tell.
func checkDataDir(dir string) error {
	at, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is no folder", at)
		}
		if err == nil {
			break
		}
		if above := filepath.Dir(at); errors.Is(err, fs.ErrNotExist) && above != at {
			at = above
			continue
		}
		return err
	}
	tried, err := os.MkdirTemp(at, ".mir-check-*")
	if err != nil {
		return fmt.Errorf("%s cannot be written by this user: %w", at, errors.Unwrap(err))
	}
	return os.Remove(tried)
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
