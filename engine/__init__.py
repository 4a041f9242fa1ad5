"""yuruyuru: a GIVE & GIVEN community engine beside Chatwork."""
