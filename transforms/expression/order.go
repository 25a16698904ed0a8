package expression

// Order compares two values as < does; ok is false where they have no order.
func Order(a, b any) (c int, ok bool) { return order(a, b) }
