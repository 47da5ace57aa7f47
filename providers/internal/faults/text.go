package faults

// AddText arms a rule written as for Parse. It lets a program arm a fault that
// may use a simulator but, outside the providers' tree, cannot name Rule.
func (s *Switches) AddText(text string) (remove func(), err error) {
	r, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return s.Add(r), nil
}
