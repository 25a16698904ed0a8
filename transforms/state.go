package transforms

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// stateName is a name for what a step with these settings remembers. Others have another one.
func stateName(settings ...string) string {
	h := sha256.New()
	for _, s := range settings {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
