// Package stock knows every copy and its shelf.
package stock

// State of one copy of a book.
type State string

const (
	Free     State = "free"
	Reserved State = "reserved"
	Gone     State = "gone"
)

// Copy is one physical book.
type Copy struct {
	ISBN  string
	Shelf string
	State State
}
