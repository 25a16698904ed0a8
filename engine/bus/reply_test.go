package bus

import (
	"testing"

	"github.com/nats-io/nats.go"
)

// What the client library reads in a reply is what we read.
func TestReply(t *testing.T) {
	for _, subject := range []string{
		"$JS.ACK.trotline_events.p_orders.1.23.45.1700000000000000001.6",
		"$JS.ACK.hub.ACCOUNT.trotline_events.p_orders.3.23.45.1700000000000000001.0",
		"$JS.ACK._.ACCOUNT.trotline_events.p_orders.18446744073709551615.1.2.3.4.token",
		"", "$JS.ACK", "$JS.ACK.a.b.1.2.3.4", "$JS.ACK.a.b.1.2.3.4.5.6", "_INBOX.a.b.c.d.1.2.3.4.5",
	} {
		want, err := (&nats.Msg{Sub: &nats.Subscription{}, Reply: subject}).Metadata()
		got, ok := readReply(subject)
		if ok != (err == nil) {
			t.Errorf("%q: %v, the library says %v", subject, ok, err)
			continue
		}
		if ok && (got.delivered != want.NumDelivered || got.sequence != want.Sequence.Stream ||
			got.handed != want.Sequence.Consumer || int64(got.stored) != want.Timestamp.UnixNano()) {
			t.Errorf("%q is read as %+v, by the library as %+v", subject, got, want)
		}
	}
	if _, ok := readReply("$JS.ACK.a.b.1.2.3.x.5"); ok {
		t.Error("a letter is read as a number")
	}
}
