package event

// Aggregate is one figure of a window: sum(body.amount).
type Aggregate struct {
	Function string // one of AggregateFunctions
	Of       Expr   // nil: count() of everything
	Text     string // as it was written
}

// AggregateFunctions are the functions a window knows, in the order of the manual.
var AggregateFunctions = []string{"count", "sum", "avg", "min", "max", "collect", "distinct"}
