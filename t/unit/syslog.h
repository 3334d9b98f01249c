// What syslogd would have got: these functions stand in for the C library's. For one file of a program.
#pragma once

#include <syslog.h>

#include <cstdarg>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace waxwing::test {
inline int told_facility = 0;
inline std::vector<std::pair<int, std::string>> told;  // priority and text
}  // namespace waxwing::test

extern "C" void openlog(const char*, int, int facility) {
  waxwing::test::told_facility = facility;
}
extern "C" void syslog(int priority, const char* format, ...) {
  char text[1000];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  waxwing::test::told.emplace_back(priority, text);
}
