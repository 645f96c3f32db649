"""What a closed loop asks of the service: points to visit, rules that raise alarms, a memory."""
