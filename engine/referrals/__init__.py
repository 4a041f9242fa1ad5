"""Referrals: which vendor told whom, and telling the vendor that it arrived."""
