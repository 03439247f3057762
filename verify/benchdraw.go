package verify

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// writeSVG writes a drawing as SVG, every mark an element whose class is its kind and whose data-series is its line.
func writeSVG(w io.Writer, d *drawing) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", d.width, d.height, d.width, d.height)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", escaped(d.title))
	for _, m := range d.marks {
		series := ""
		if m.series != "" {
			series = fmt.Sprintf(` data-series="%s"`, escaped(m.series))
		}
		var at []string
		for _, p := range m.points {
			at = append(at, fmt.Sprintf("%.2f,%.2f", p.x, p.y))
		}
		c := fmt.Sprintf("#%02x%02x%02x", m.color.R, m.color.G, m.color.B)
		switch {
		case m.text != "":
			anchor := map[float64]string{0: "start", 0.5: "middle", 1: "end"}[m.align]
			fmt.Fprintf(&b, `<text class="%s"%s x="%.2f" y="%.2f" text-anchor="%s" fill="%s">%s</text>`+"\n", m.kind, series, m.points[0].x, m.points[0].y, anchor, c, escaped(m.text))
		case m.filled:
			fmt.Fprintf(&b, `<polygon class="%s"%s points="%s" fill="%s" fill-opacity="%.2f"/>`+"\n", m.kind, series, strings.Join(at, " "), c, float64(m.color.A)/255)
		default:
			fmt.Fprintf(&b, `<polyline class="%s"%s points="%s" fill="none" stroke="%s" stroke-width="%g" stroke-linejoin="round"/>`+"\n", m.kind, series, strings.Join(at, " "), c, m.width)
		}
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func escaped(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a builder takes all
	return b.String()
}

// writePNG writes a drawing as PNG.
func writePNG(w io.Writer, d *drawing) error {
	img := image.NewNRGBA(image.Rect(0, 0, d.width, d.height))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	for _, m := range d.marks {
		switch {
		case m.text != "":
			drawText(img, m)
		case m.filled:
			fill(img, m.points, m.color)
		default:
			for i := 1; i < len(m.points); i++ {
				fill(img, stroke(m.points[i-1], m.points[i], m.width), m.color)
			}
		}
	}
	return png.Encode(w, img)
}

// fill fills a polygon, its edges smooth.
func fill(img draw.Image, points []plotPoint, c color.Color) {
	r := vector.NewRasterizer(img.Bounds().Dx(), img.Bounds().Dy())
	for i, p := range points {
		if i == 0 {
			r.MoveTo(float32(p.x), float32(p.y))
		} else {
			r.LineTo(float32(p.x), float32(p.y))
		}
	}
	r.ClosePath()
	r.Draw(img, img.Bounds(), image.NewUniform(c), image.Point{})
}

// stroke is the outline of a line between two points.
func stroke(a, b plotPoint, width float64) []plotPoint {
	dx, dy := b.x-a.x, b.y-a.y
	length := math.Hypot(dx, dy)
	if length == 0 {
		return nil
	}
	nx, ny := -dy/length*width/2, dx/length*width/2
	return []plotPoint{{a.x + nx, a.y + ny}, {b.x + nx, b.y + ny}, {b.x - nx, b.y - ny}, {a.x - nx, a.y - ny}}
}

// drawText writes a text in the one font that needs no file; it has the letters of ASCII only.
func drawText(img draw.Image, m mark) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(m.color), Face: basicfont.Face7x13}
	x := m.points[0].x - m.align*float64(d.MeasureString(m.text))/64
	d.Dot = fixed.P(int(math.Round(x)), int(math.Round(m.points[0].y)))
	d.DrawString(m.text)
}
