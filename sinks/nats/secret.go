package natssink

import (
	"errors"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nkeys"
)

// hide makes the replacer of what in the URLs nobody may see: the URLs as a
// whole, passwords, and names that stand alone, which are tokens.
func hide(urls string) *strings.Replacer {
	var pairs []string
	for text := range strings.SplitSeq(urls, ",") {
		text = strings.TrimSpace(text)
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.User == nil {
			continue
		}
		secret, ok := u.User.Password()
		if !ok {
			secret = u.User.Username()
		}
		if secret != "" {
			pairs = append(pairs, secret, "***", url.QueryEscape(secret), "***", url.PathEscape(secret), "***")
		}
	}
	return strings.NewReplacer(pairs...)
}

// checkCredentials tells whether a file holds what a .creds file does, without saying what it holds.
func checkCredentials(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if _, err := nkeys.ParseDecoratedJWT(text); err != nil {
		return errors.New(path + " holds no JWT")
	}
	key, err := nkeys.ParseDecoratedUserNKey(text)
	if err != nil {
		return errors.New(path + " holds no user's seed")
	}
	key.Wipe()
	return nil
}
