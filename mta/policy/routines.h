// The routines that access mappings call by $[IMTA_LIB:library,routine,argument] and that come with the MTA:
// check_metermaid.so (meter_routines.cc) and dns_verify.so (dns_routines.cc). mappings(5) tells what each does.
//
// What cannot be asked lets the row fail, or says so where the routine has a word for it: a service that is away
// must not stop the mail.
#pragma once

namespace waxwing::mta {

// Once a process, before the first look-up; any number of times does no harm.
void add_policy_routines();

}  // namespace waxwing::mta
