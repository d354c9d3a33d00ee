"""What is measured along a run: the Hessian, a rule's own update, and quantities of both."""
