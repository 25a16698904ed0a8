package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	secret          = "a-secret-of-the-benchmark"
	signatureHeader = "X-Signature"
	bodySize        = 1024
)

// eventID names the event of an index in a run; runs never share an id.
func eventID(run, index int) string { return fmt.Sprintf("%d-%d", run, index) }

// parseID is the inverse of [eventID].
func parseID(id string) (run, index int, ok bool) {
	n, err := fmt.Sscanf(id, "%d-%d", &run, &index)
	return run, index, err == nil && n == 2 && index >= 0 && index < 1<<24
}

// buildBody is an order of exactly bodySize bytes.
func buildBody(id string) []byte {
	start := fmt.Sprintf(`{"id":%q,"event":"new_order","amount":129.90,"currency":"EUR",`+
		`"customer":{"id":6028797019963134741,"name":"Ada Lovelace","email":"ada@example.com","country":"GB"},`+
		`"items":[{"sku":"A-1001","quantity":2,"price":39.95},{"sku":"B-2002","quantity":1,"price":50.00}],`+
		`"paid":true,"coupon":null,"note":"`, id)
	const end = `"}`
	return []byte(start + strings.Repeat("x", bodySize-len(start)-len(end)) + end)
}

// proof are the headers of a request that say who sent it.
func proof(path, id, signature string) string {
	if path == githubPath {
		return "X-Hub-Signature-256: sha256=" + signature + "\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: " + id
	}
	return signatureHeader + ": sha256=" + signature
}

// buildRequests are signed requests as they go over the wire, one for each
// index, made before the clock starts so that the generator costs little.
func buildRequests(path string, run, count int) [][]byte {
	mac := hmac.New(sha256.New, []byte(secret))
	requests := make([][]byte, count)
	for i := range requests {
		body := buildBody(eventID(run, i))
		mac.Reset()
		mac.Write(body)
		signature := hex.EncodeToString(mac.Sum(nil))
		requests[i] = fmt.Appendf(make([]byte, 0, bodySize+256),
			"POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n\r\n%s",
			path, len(body), proof(path, eventID(run, i), signature), body)
	}
	return requests
}
