class Prober: pass
