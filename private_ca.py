class PrivateCa: pass
