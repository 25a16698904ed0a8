//go:build planted

package planted

import "os"

// Variable is what chooses a fault in the environment.
const Variable = "TROTLINE_PLANTED"

// The faults.
var (
	NoBarrier     = chosen("no-barrier")      // what is confirmed is not made durable
	EarlyAck      = chosen("early-ack")       // a message is acknowledged before what comes of it is stored
	NakUnderOrder = chosen("nak-under-order") // a delivery that fails goes back to the server, and what follows passes it
)

func chosen(fault string) bool { return os.Getenv(Variable) == fault }
